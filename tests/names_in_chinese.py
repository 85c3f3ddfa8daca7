"""Short Chinese texts with names and abbreviations, written for the study; of no data set."""


def _texts(joined: str) -> list[str]:
    return joined.split("|")


# Looked at while it was chosen which pieces of a vocabulary are kept.
SEEN = _texts(
    "家里的WiFi连不上怎么办|iPhone怎么截图|我的iPad充不进电|4G网络很慢|5G套餐多少钱|"
    "微信WeChat登录不了|支付宝Alipay怎么提现|打开Bluetooth蓝牙|USB接口坏了|播放YouTube视频|"
    "Excel怎么求和|PPT模板下载|Photoshop怎么抠图|QQ音乐会员|NBA总决赛几点|CPU温度过高|"
    "GPS定位不准|App闪退|Windows10激活|MacBook充电器|Taylor Swift的歌|播放Despacito|"
    "推荐一首Beyonce的歌|我想听Adele|华为Mate60|OPPO手机|vivo手机|ThinkPad键盘失灵|"
    "NVIDIA显卡驱动|Python怎么安装|Java和JavaScript的区别|GitHub打不开|Vlog怎么拍|KTV附近|"
    "ATM取款|VIP会员|DNA检测|CT检查|ETC办理|T恤多少钱|B超|K歌|U盘|A股|2B铅笔|PM2.5|COVID疫苗|"
    "Wi-Fi密码|wifi密码|iphone手机|LinkedIn账号|Spotify会员|Netflix怎么退订|Tesla特斯拉|"
    "Gucci包|NIKE鞋|Adidas|Hello Kitty|Office365|Outlook邮箱|Chrome浏览器"
)

# Not looked at.
UNSEEN = _texts(
    "Instagram怎么注册|TikTok海外版|PayPal付款失败|Visa卡年费|MasterCard信用卡|KFC优惠券|"
    "McDonald汉堡|Starbucks星巴克|Pizza外卖|Nokia老手机|Samsung屏幕|Sony耳机|Canon相机|"
    "Bose音箱|Airbnb订房|Uber打车|Gmail收不到邮件|Hotmail密码|Skype通话|Zoom会议|Word文档|"
    "PDF转Word|HDMI线|SSD硬盘|RAM内存|IP地址|WLAN设置|SIM卡|eSIM办理|NFC门禁|VPN连接|DVD光盘|"
    "MP3播放器|FIFA世界杯|Messi进球|Kobe退役|Beatles乐队|Madonna演唱会|Harry Potter电影|"
    "Iron Man|Marvel漫威|Disney乐园|LV手提包|iPod|app下载|email地址|ok|hello|python教程|"
    "excel表格|ppt|word|usb|gps导航|facebook|google|amazon购物|bluetooth|Xbox手柄|PlayStation|"
    "Nintendo Switch|BMW汽车|Audi|Volkswagen|SUV|Linux系统|Ubuntu安装|MySQL数据库|HTML网页|"
    "CSS样式"
)
